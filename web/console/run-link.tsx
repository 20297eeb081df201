import type { ClientRun } from 'durably'
import type { ReactNode } from 'react'
import { useSelection } from './selection'

/** The job's name, which leads to the run. */
export function RunLink({ run }: { run: ClientRun }): ReactNode {
  const { runId, select, hrefOf } = useSelection()
  const facts = {
    'aria-current': run.id === runId ? ('true' as const) : undefined,
    'data-run': run.id,
    title: run.id,
  }
  if (hrefOf !== null) {
    return (
      <a {...facts} href={hrefOf(run.id)}>
        {run.jobName}
      </a>
    )
  }
  return (
    <button {...facts} type="button" className="link" onClick={() => select(run.id)}>
      {run.jobName}
    </button>
  )
}
