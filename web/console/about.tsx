import type { EngineStatus } from 'durably'
import { useEngineStatus } from 'durably/react'
import type { ReactNode } from 'react'

const PLACES: Record<NonNullable<EngineStatus['role']>, string> = {
  leader: 'engine in this browser',
  follower: 'engine in another tab',
  remote: 'engine on a server',
}

/** What this is and what it is made of, quietly at the foot. `site` is the folder that was built. */
export function About({ site }: { site: string | URL }): ReactNode {
  const { role, versions } = useEngineStatus()
  const isRemote = role === 'remote'
  return (
    <div className="about hint">
      <span>Durably {versions.engine}</span>
      {role !== null && <span>{PLACES[role]}</span>}
      {versions.build !== null && <span>build {versions.build.slice(0, 7)}</span>}
      {role !== null && !isRemote && <a href={new URL('durably/licenses.txt', site).href}>Licences</a>}
    </div>
  )
}
