import { useJobRun } from 'durably/react'
import { useState } from 'react'

export function RunOfAddress() {
  const [told, setTold] = useState<string[]>([])
  const tell = (word: string) => setTold((before) => [...before, word])
  const run = useJobRun<'count-to'>({
    runId: location.hash.split('?')[1] ?? null,
    onStart: () => tell('start'),
    onComplete: ({ output }) => tell(`complete ${output?.total}`),
    onFail: ({ error }) => tell(`fail ${error}`),
    onCancel: () => tell('cancel'),
  })

  if (run.isNotFound) return <p>There is no such run.</p>
  return (
    <section>
      <output>{run.status ?? 'loading'}</output>
      <p>Total: {run.output?.total ?? '–'}</p>
      {run.progress !== null && <progress value={run.progress.current} max={run.progress.total} />}
      {run.error !== null && <p role="alert">{run.error}</p>}
      <ol aria-label="Steps">
        {run.steps.map(({ id, name, status }) => (
          <li key={id}>
            {name}: {status}
          </li>
        ))}
        {run.runningSteps.map(({ name }) => (
          <li key={name}>{name}: running</li>
        ))}
      </ol>
      <p>Told: {told.join(', ')}</p>
    </section>
  )
}
