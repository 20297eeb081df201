import type { ReactNode } from 'react'

/** Says what could not be shown, and how to go on. */
export function ShowFailure({ what }: { what: string }): ReactNode {
  return (
    <p className="hint" role="alert">
      The {what} could not be shown. Runs go on meanwhile.{' '}
      <button type="button" className="button" onClick={() => window.location.reload()}>
        Reload
      </button>
    </p>
  )
}
