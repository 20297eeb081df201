import { useState } from 'react'
import { durably } from '../durably'

export function CountingJob() {
  const job = durably['count-to'].useJob()
  const [to, setTo] = useState('3')
  const [said, setSaid] = useState('')
  const { progress } = job

  const start = async () => {
    setSaid('')
    try {
      await job.trigger({ to: Number(to), pause_ms: 50 })
    } catch (error) {
      setSaid((error as Error).message)
    }
  }

  return (
    <section>
      <label>
        To <input value={to} onChange={({ target }) => setTo(target.value)} />
      </label>
      <button onClick={() => void start()}>Count</button>
      <button onClick={job.reset}>Reset</button>
      <p role="status">{job.status ?? 'none'}</p>
      <p aria-label="Run">{job.currentRunId}</p>
      {progress && (
        <>
          <progress value={progress.current} max={progress.total} />
          <p>{progress.message}</p>
        </>
      )}
      <ol aria-label="Logs">
        {job.logs.map(({ id, level, message, data }) => (
          <li key={id}>
            {level} {message} {JSON.stringify(data)}
          </li>
        ))}
      </ol>
      <p>Total: {job.output?.total ?? '–'}</p>
      {job.error !== null && <p role="alert">{job.error}</p>}
      <p aria-label="Answer">{said}</p>
    </section>
  )
}
