import { useJob } from 'durably/react'

export function CountOfAddress() {
  // …#initial-run?01J…: the run is shown as it is, finished or not.
  const initialRunId = location.hash.split('?')[1]
  const { status, output, error, logs, steps, isLoading } = useJob('count-to', { initialRunId })

  if (isLoading) return <p>One moment…</p>
  return (
    <section>
      <output>{status ?? 'none'}</output>
      <p>Total: {output?.total ?? '–'}</p>
      <p>
        {steps.length} steps, {logs.length} log lines
      </p>
      {error !== null && <p role="alert">{error}</p>}
    </section>
  )
}
