import { useEffect, useRef, type RefObject } from 'react'
import { useLocation } from 'wouter'

/**
 * Where the person is when something ends that took its time: nobody who went elsewhere meanwhile is taken away from
 * there. Nowhere, once what asks is gone.
 */
export function usePathNow(): RefObject<string> {
  const [path] = useLocation()
  const now = useRef(path)
  useEffect(() => {
    now.current = path
    return () => {
      now.current = ''
    }
  }, [path])
  return now
}
