import { useEngineStatus, useJob } from 'durably/react'
import text from '../weather.csv?raw'

export function App() {
  const { state, role } = useEngineStatus()
  const summary = useJob('summarise-weather')
  return (
    <main>
      <h1>Weather</h1>
      <p>
        The engine is {state}: {role === 'remote' ? 'on the server' : 'in this browser'}.
      </p>
      <button type="button" disabled={summary.isActive} onClick={() => void summary.trigger({ text })}>
        Summarise
      </button>
      {summary.progress !== null && <progress value={summary.progress.current} max={summary.progress.total} />}
      {summary.error !== null && <p role="alert">{summary.error}</p>}
      {summary.output !== null && <output>{JSON.stringify(summary.output)}</output>}
    </main>
  )
}
