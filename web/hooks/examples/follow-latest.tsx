import { useJob } from 'durably/react'

export function CountFollowed() {
  // The first shows each new run of the job, whoever started it; the second only its own.
  const latest = useJob('count-to', { followLatest: true, autoResume: false })
  const own = useJob('count-to', { followLatest: false, autoResume: false })
  return (
    <section>
      <button onClick={() => void own.trigger({ to: 1 })}>Count</button>
      <dl>
        <dt>followLatest</dt>
        <dd>{latest.currentRunId ?? 'none'}</dd>
        <dt>followLatest: false</dt>
        <dd>{own.currentRunId ?? 'none'}</dd>
      </dl>
    </section>
  )
}
