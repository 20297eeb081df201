import { useState, type ReactNode } from 'react'

interface ActionButtonProps {
  action: () => Promise<unknown>
  children: ReactNode
}

/** Does something with a run, and says why it could not be done. */
export function ActionButton({ action, children }: ActionButtonProps) {
  const [refusal, setRefusal] = useState<string | null>(null)

  const act = () => {
    setRefusal(null)
    action().catch((error: unknown) => setRefusal(error instanceof Error ? error.message : String(error)))
  }

  return (
    <>
      <button type="button" className="quiet" onClick={act}>
        {children}
      </button>
      {refusal !== null && <span role="alert">{refusal}</span>}
    </>
  )
}
