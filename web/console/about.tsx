import { useEngineStatus } from 'durably/react'
import type { ReactNode } from 'react'

/** What this is and what it is made of, quietly at the foot. `site` is the folder that was built. */
export function About({ site }: { site: string | URL }): ReactNode {
  const { role, versions } = useEngineStatus()
  const isHere = role === 'leader'
  return (
    <footer className="about quiet">
      <span>Durably {versions.engine}</span>
      {role !== null && <span>{isHere ? 'engine in this browser' : 'engine on a server'}</span>}
      {versions.build !== null && <span>build {versions.build.slice(0, 7)}</span>}
      {isHere && <a href={new URL('durably/licenses.txt', site).href}>Licences</a>}
    </footer>
  )
}
