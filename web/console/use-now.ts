import { useEffect, useState } from 'react'

const INTERVAL_MS = 500

/** The time; kept current as long as something is under way. */
export function useNow(isUnderWay: boolean): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const tell = (): void => setNow(Date.now())
    if (!isUnderWay) {
      const once = setTimeout(tell)
      return () => clearTimeout(once)
    }
    const timer = setInterval(tell, INTERVAL_MS)
    return () => clearInterval(timer)
  }, [isUnderWay])
  return now
}
