import { useJob } from 'durably/react'

export function CountResumed() {
  // Shows a run that executes or waits already, also one that was begun before the page was opened.
  const resumed = useJob('count-to')
  const fresh = useJob('count-to', { autoResume: false, followLatest: false })
  return (
    <dl>
      <dt>autoResume</dt>
      <dd>{resumed.currentRunId ?? 'none'}</dd>
      <dt>autoResume: false</dt>
      <dd>{fresh.currentRunId ?? 'none'}</dd>
    </dl>
  )
}
