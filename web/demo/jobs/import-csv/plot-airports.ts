import { dot, plot } from '@observablehq/plot'
import type { Point } from './output'

export interface PlotOptions {
  width: number
  isUnitedStates: boolean
}

export function plotAirports(points: readonly Point[], { width, isUnitedStates }: PlotOptions): Element {
  const picture = plot({
    width,
    height: Math.round(width * (isUnitedStates ? 0.6 : 0.5)),
    margin: 4,
    projection: isUnitedStates
      ? 'albers-usa'
      : { type: 'equirectangular', domain: { type: 'MultiPoint', coordinates: [...points] } },
    marks: [
      dot(points, {
        x: ([longitude]: Point) => longitude,
        y: ([, latitude]: Point) => latitude,
        // Few airports are drawn larger, or a single one could not be seen.
        r: Math.max(width / 560, Math.min(5, 60 / Math.sqrt(points.length))),
        fill: 'currentColor',
        fillOpacity: 0.55,
      }),
    ],
  })
  // Their few rules are in our style sheet: a content security policy may forbid inline ones.
  for (const style of picture.querySelectorAll('style')) style.remove()
  return picture
}
