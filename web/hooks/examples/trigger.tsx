import { useJob } from 'durably/react'
import { useState } from 'react'

export function CountButton() {
  const job = useJob('count-to')
  const [to, setTo] = useState(5)

  const start = () =>
    job.trigger({ to }, { concurrencyKey: 'counter', coalesce: 'skip', labels: { origin: 'button' } })

  return (
    <section>
      <input type="number" aria-label="To" value={to} onChange={({ target }) => setTo(+target.value)} />
      <button disabled={job.isActive} onClick={() => void start()}>
        Count
      </button>
      <button onClick={job.reset}>Reset</button>
      {job.isPending && <p>Waiting…</p>}
      {job.isLeased && <progress value={job.progress?.current ?? 0} max={job.progress?.total ?? 1} />}
      {job.isCompleted && <p>Total: {job.output?.total}</p>}
      {job.isFailed && <p>Failed.</p>}
      {job.isCancelled && <p>Cancelled.</p>}
      {/* Also why a trigger was refused. */}
      {job.error !== null && <p role="alert">{job.error}</p>}
      <output>{job.status ?? 'nothing yet'}</output>
    </section>
  )
}
