import { useEffect, useState, type ReactNode } from 'react'
import type { DevConfig } from '../config'

/** What `durably dev` tells after each build. */
interface Told {
  build: string | null
  error: Fault | null
}

interface Fault {
  message: string
  /** Where it is: `jobs.py:12`. */
  place: string | null
  /** The lines around it. */
  frame: string | null
}

/** Reloads the page when there is something new to run, and shows what is wrong with the jobs until it is mended. */
export function DevPanel({ dev }: { dev: DevConfig }): ReactNode {
  const [error, setError] = useState<Fault | null>(null)
  useEffect(() => {
    const source = new EventSource(dev.events)
    source.onmessage = ({ data }: MessageEvent<string>) => {
      const told = JSON.parse(data) as Told
      setError(told.error)
      if (told.error === null && told.build !== dev.build) window.location.reload()
    }
    return () => source.close()
  }, [dev])
  if (error === null) return null
  return (
    <div className="notice notice-bad dev-error" role="alert" aria-label="Error in the jobs">
      <p>
        {error.place !== null && <strong>{error.place}: </strong>}
        {error.message}
      </p>
      {error.frame !== null && (
        <pre tabIndex={0} aria-label="Where it is">
          {error.frame}
        </pre>
      )}
      <p className="hint">
        This message goes when it is mended.
        {dev.build !== null && ' Until then the page has the jobs as they were.'}
      </p>
    </div>
  )
}
