import { useState } from 'react'

export interface Action {
  isBusy: boolean
  error: string | null
  /** What the work had to say about its success. */
  said: string | null
  /** Does the work unless other work is under way; an error is kept as a sentence. */
  perform: (work: () => Promise<string> | Promise<void>) => void
}

export function useAction(): Action {
  const [isBusy, setIsBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const [said, setSaid] = useState<string | null>(null)
  const carryOut = async (work: Parameters<Action['perform']>[0]): Promise<void> => {
    try {
      setSaid((await work()) ?? null)
    } catch (reason) {
      setError(reason instanceof Error ? reason.message : String(reason))
    } finally {
      setIsBusy(false)
    }
  }
  const perform: Action['perform'] = (work) => {
    if (isBusy) return
    setIsBusy(true)
    setError(null)
    setSaid(null)
    void carryOut(work)
  }
  return { isBusy, error, said, perform }
}
