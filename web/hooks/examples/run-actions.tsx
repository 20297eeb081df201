import { useRunActions, useRuns } from 'durably/react'
import { useState } from 'react'

export function RunActionsOfList() {
  const { runs } = useRuns({ view: 'summary' })
  const { retrigger, cancel, deleteRun, getRun, getSteps } = useRunActions()
  const [said, setSaid] = useState('')

  const perform = async (work: () => Promise<string>) => {
    try {
      setSaid(await work())
    } catch (error) {
      setSaid((error as Error).message)
    }
  }
  const describe = async (runId: string) => {
    const [run, steps] = await Promise.all([getRun(runId), getSteps(runId)])
    return run === null ? 'It is gone.' : `${run.status} after ${steps.length} steps`
  }

  return (
    <section>
      <ol aria-label="Runs">
        {runs.map(({ id, jobName, status, isTerminal }) => (
          <li key={id}>
            {jobName} {status}
            {isTerminal && (
              <>
                <button onClick={() => void perform(() => retrigger(id).then(() => 'again'))}>Again</button>
                <button onClick={() => void perform(() => deleteRun(id).then(() => 'deleted'))}>
                  Delete
                </button>
              </>
            )}
            <button onClick={() => void perform(() => cancel(id).then(() => 'cancelled'))}>Cancel</button>
            <button onClick={() => void perform(() => describe(id))}>Describe</button>
          </li>
        ))}
      </ol>
      <p role="status">{said}</p>
    </section>
  )
}
