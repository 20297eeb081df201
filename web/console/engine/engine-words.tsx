import { useEngineStatus } from 'durably/react'
import type { ReactNode } from 'react'

/** Where the engine is, and which it is. */
export function EngineWords(): ReactNode {
  const { role, versions } = useEngineStatus()
  if (role === null) return null
  const where = role === 'leader' ? 'engine in this browser' : 'engine on a server'
  return (
    <p className="quiet">
      {where}
      {versions.engine !== null && `, version ${versions.engine}`}
    </p>
  )
}
