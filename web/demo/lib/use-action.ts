import { useState } from 'react'

export interface Action {
  isBusy: boolean
  error: string | null
  /** Does the work unless other work is under way; an error is kept as a sentence. */
  perform: (work: () => Promise<void>) => void
}

export function useAction(): Action {
  const [isBusy, setIsBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const perform = (work: () => Promise<void>): void => {
    if (isBusy) return
    setIsBusy(true)
    setError(null)
    work()
      .catch((reason: unknown) => setError(reason instanceof Error ? reason.message : String(reason)))
      .finally(() => setIsBusy(false))
  }
  return { isBusy, error, perform }
}
