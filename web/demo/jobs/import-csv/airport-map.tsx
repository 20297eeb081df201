import { useEffect, useRef, useState, type ReactNode, type RefObject } from 'react'
import { plural } from '../../../dashboard/format'
import type { Point } from './output'
import { findRegions } from './regions'

export function AirportMap({ points }: { points: readonly Point[] }): ReactNode {
  const frame = useRef<HTMLDivElement>(null)
  const width = useWidth(frame)
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

/** The width to draw at; steps of 40 pixels spare redrawing thousands of dots on each change. */
function useWidth(frame: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0)
  useEffect(() => {
    if (frame.current === null) return
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.floor(entry.contentRect.width / 40) * 40)
    })
    observer.observe(frame.current)
    return () => observer.disconnect()
  }, [frame])
  return width
}
