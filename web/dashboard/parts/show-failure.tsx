import type { ReactNode } from 'react'
import { WORDS, type Failing } from '../words'

const SAID = WORDS.failure

interface ShowFailureProps {
  what: Failing
  /** Without it, the page is loaded anew. */
  onRetry?: () => void
}

/** Says what could not be shown, and how to go on. */
export function ShowFailure({ what, onRetry }: ShowFailureProps): ReactNode {
  return (
    <p className="hint" role="alert">
      {SAID.notShown(SAID.what[what])}{' '}
      <button type="button" className="button" onClick={onRetry ?? (() => window.location.reload())}>
        {onRetry === undefined ? SAID.reload : SAID.tryAgain}
      </button>
    </p>
  )
}
