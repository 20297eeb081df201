import { durably } from '../durably'

export function LastLogs() {
  const { logs, clearLogs } = durably['count-to'].useLogs(location.hash.split('?')[1] ?? null, { maxLogs: 2 })
  return (
    <section>
      <ol aria-label="Logs">
        {logs.map(({ id, level, message }) => (
          <li key={id}>
            {level} {message}
          </li>
        ))}
      </ol>
      <button onClick={clearLogs}>Clear</button>
    </section>
  )
}
