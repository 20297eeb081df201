import { useJobLogs } from 'durably/react'

export function LogsOfAddress() {
  const { logs, clearLogs } = useJobLogs({ runId: location.hash.split('?')[1] ?? null, maxLogs: 3 })
  return (
    <section>
      <button onClick={clearLogs}>Clear</button>
      <ol aria-label="Logs">
        {logs.map(({ id, level, stepName, message, data }) => (
          <li key={id}>
            {level} {stepName ?? ''} {message} {data !== null && JSON.stringify(data)}
          </li>
        ))}
      </ol>
    </section>
  )
}
