import { useEngineStatus } from 'durably/react'
import type { ReactNode } from 'react'
import { Build } from '../dashboard/parts/build'
import { WORDS } from '../dashboard/words'

const SAID = WORDS.about

/** What this is and what it is made of, quietly at the foot. `site` is the folder that was built. */
export function About({ site }: { site: string | URL }): ReactNode {
  const { role, versions } = useEngineStatus()
  const isRemote = role === 'remote'
  return (
    <div className="about hint">
      <span>Durably {versions.engine}</span>
      {role !== null && <span>{SAID.places[role]}</span>}
      {versions.build !== null && (
        <span>
          {SAID.build} <Build build={versions.build} />
        </span>
      )}
      {role !== null && !isRemote && <a href={new URL('durably/licenses.txt', site).href}>{SAID.licences}</a>}
    </div>
  )
}
