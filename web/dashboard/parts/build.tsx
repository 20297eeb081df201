import type { ReactNode } from 'react'
import { shortBuild } from '../format'

/** The name of a build, as short everywhere. The whole of it is its title. */
export function Build({ build }: { build: string }): ReactNode {
  return <code title={build}>{shortBuild(build)}</code>
}
