import type { ReactNode } from 'react'

export function PullThePlug(): ReactNode {
  return (
    <p className="plug">
      <b>Pull the plug:</b> close this tab, kill it, reload. The run goes on from the last finished batch.
    </p>
  )
}
