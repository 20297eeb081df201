import { useEngineStatus, useJobs } from 'durably/react'

export function EngineFacts() {
  const { state, percent, role, versions, error } = useEngineStatus()
  const { jobs } = useJobs()
  return (
    <section>
      {state === 'starting' && <progress value={percent} max={100} />}
      <output>{state}</output>
      <p>
        {role} {versions.engine}
      </p>
      {error !== null && <p role="alert">{error.message}</p>}
      <ul aria-label="Jobs">
        {jobs.map(({ name, description }) => (
          <li key={name}>
            {name}: {description}
          </li>
        ))}
      </ul>
    </section>
  )
}
