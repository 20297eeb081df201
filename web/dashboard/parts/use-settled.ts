import { useEffect, useState } from 'react'

/** Longer than a hand needs to stop that is on its way. */
const HAND_MS = 600

/**
 * Not for a moment after the value has changed. Who was about to press what stood there before must not press what
 * stands there now.
 */
export function useSettled(value: unknown): boolean {
  const [settled, settle] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => settle(value), HAND_MS)
    return () => clearTimeout(timer)
  }, [value])
  return Object.is(settled, value)
}
