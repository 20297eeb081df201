import type { ReactNode } from 'react'
import { WORDS } from '../words'

/** An invitation, where the engine is in this browser. */
export function PullThePlug(): ReactNode {
  return (
    <p className="plug">
      <b>{WORDS.run.plug}</b> {WORDS.run.plugHint}
    </p>
  )
}
