import { useEffect, useRef, useState, type ReactNode } from 'react'
import { plural } from '../../../dashboard/format'
import { useWidth } from '../../../dashboard/parts/use-width'
import type { Point } from './output'
import { findRegions } from './regions'

/** Thousands of dots are not drawn anew on each change. */
const WIDTH_STEP = 40

export function AirportMap({ points }: { points: readonly Point[] }): ReactNode {
  const frame = useRef<HTMLDivElement>(null)
  const width = useWidth(frame, WIDTH_STEP)
  const { isUnitedStates, outside } = findRegions(points)
  const [hasFailed, setHasFailed] = useState(false)
  useEffect(() => {
    if (width === 0) return
    let isCurrent = true
    const draw = async (): Promise<void> => {
      const { plotAirports } = await import('./plot-airports')
      if (isCurrent) frame.current?.replaceChildren(plotAirports(points, { width, isUnitedStates }))
    }
    draw().catch(() => setHasFailed(true))
    return () => {
      isCurrent = false
    }
  }, [points, width, isUnitedStates])
  return (
    <figure className="map">
      <div
        className="map-frame"
        ref={frame}
        role="img"
        aria-label={`Map of ${plural(points.length, 'airport')} by longitude and latitude`}
      />
      {hasFailed && <p className="hint">The map could not be drawn. Reload the page to try again.</p>}
      {isUnitedStates && outside > 0 && (
        <figcaption>{plural(outside, 'airport')} outside the 50 states not shown.</figcaption>
      )}
    </figure>
  )
}
