import { useEngineStatus } from 'durably/react'

/** What the person has to know about the engine: nothing, once it runs. */
export function EngineState() {
  const { state, phase, percent, error } = useEngineStatus()
  if (error !== null) {
    return (
      <p className="notice" role="alert">
        {error.message}
      </p>
    )
  }
  if (state === 'ready') return null
  return (
    <p className="notice" role="status">
      {phase === 'lock' ? 'Waiting: the app is open in another tab.' : `Starting Python … ${percent} %`}
    </p>
  )
}
