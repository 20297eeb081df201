import { useState } from 'react'

/** Whether it was copied, and what copies it. */
export function useCopied(read: () => string): [isCopied: boolean, copy: () => void] {
  const [isCopied, setIsCopied] = useState(false)
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(read())
    setIsCopied(true)
  }
  return [isCopied, () => void copy()]
}
