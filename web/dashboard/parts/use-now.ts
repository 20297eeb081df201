import { useEffect, useState } from 'react'

/** The time, told anew every `intervalMs`; null stops the clock. */
export function useNow(intervalMs: number | null): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    if (intervalMs === null) return
    const tell = (): void => setNow(Date.now())
    const first = setTimeout(tell)
    const timer = setInterval(tell, intervalMs)
    return () => {
      clearTimeout(first)
      clearInterval(timer)
    }
  }, [intervalMs])
  return now
}
