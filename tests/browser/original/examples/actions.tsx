import { useState } from 'react'
import { durably } from '../durably'

export function RunActions() {
  const { runs } = durably.useRuns()
  const { retrigger, cancel, deleteRun, getRun, getSteps } = durably.useRunActions()
  const [said, setSaid] = useState('')

  const perform = async (work: () => Promise<string>) => {
    try {
      setSaid(await work())
    } catch (error) {
      setSaid((error as Error).message)
    }
  }
  const describe = async (runId: string) => {
    const run = await getRun(runId)
    return run === null
      ? 'It is gone.'
      : `${run.jobName} ${run.status}, its output ${JSON.stringify(run.output)}`
  }
  const listSteps = async (runId: string) => {
    const steps = await getSteps(runId)
    return steps.map(({ name, status, output }) => `${name} ${status} ${JSON.stringify(output)}`).join('; ')
  }

  return (
    <section>
      <ol aria-label="Runs">
        {runs.map(({ id, jobName, status }) => (
          <li key={id}>
            {jobName} {status}
            <button onClick={() => void perform(() => retrigger(id).then((again) => `Again: ${again}`))}>
              Again
            </button>
            <button onClick={() => void perform(() => cancel(id).then(() => 'Cancelled.'))}>Cancel</button>
            <button onClick={() => void perform(() => deleteRun(id).then(() => 'Deleted.'))}>Delete</button>
            <button onClick={() => void perform(() => describe(id))}>Describe</button>
            <button onClick={() => void perform(() => listSteps(id))}>Steps</button>
          </li>
        ))}
      </ol>
      <button onClick={() => void perform(() => describe('none'))}>Describe none</button>
      <p aria-label="Answer">{said}</p>
    </section>
  )
}
