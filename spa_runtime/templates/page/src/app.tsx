import { useEngineStatus, useJob, useRunActions } from 'durably/react'
import { useState } from 'react'

export function App() {
  const { state, error } = useEngineStatus()
  // Shows the run that executes already, when the page is opened again.
  const job = useJob('bake')
  const { cancel } = useRunActions()
  const [loaves, setLoaves] = useState(12)

  return (
    <main>
      <h1>__NAME__</h1>
      {error !== null && <p role="alert">{error.message}</p>}
      {state === 'starting' && <p role="status">One moment …</p>}
      {state === 'waiting' && <p role="status">This page is open in another tab.</p>}
      <form
        onSubmit={(event) => {
          event.preventDefault()
          // What is refused is told by `job.error`.
          job.trigger({ loaves }).catch(() => undefined)
        }}
      >
        <label>
          Loaves{' '}
          <input
            type="number"
            min={1}
            max={500}
            value={loaves}
            onChange={({ target }) => setLoaves(Number(target.value))}
          />
        </label>
        <button type="submit" disabled={job.isActive}>
          Bake
        </button>
        {job.isActive && (
          <button type="button" onClick={() => void cancel(job.currentRunId ?? '')}>
            Stop
          </button>
        )}
      </form>
      {job.progress !== null && (
        <label>
          <progress value={job.progress.current} max={job.progress.total} /> {job.progress.message}
        </label>
      )}
      {job.isCompleted && <p>{job.output?.baked} loaves are baked.</p>}
      {job.isCancelled && <p>Stopped.</p>}
      {job.error !== null && <p role="alert">{job.error}</p>}
    </main>
  )
}
