import { dot, plot, type PlotOptions } from '@observablehq/plot'
import type { Point } from './output'

/** Fewer dots than this don't draw the country by themselves: they get axes instead. */
const FEWEST_FOR_A_MAP = 150

export interface AirportsOptions {
  width: number
  isUnitedStates: boolean
}

export function plotAirports(points: readonly Point[], options: AirportsOptions): Element {
  const picture = plot({
    width: options.width,
    ...(points.length < FEWEST_FOR_A_MAP ? axes(points, options) : map(points, options)),
    marks: [
      dot(points, {
        x: ([longitude]: Point) => longitude,
        y: ([, latitude]: Point) => latitude,
        r: Math.max(options.width / 560, Math.min(5, 60 / Math.sqrt(points.length))),
        fill: 'currentColor',
        fillOpacity: 0.55,
      }),
    ],
  })
  // Their few rules are in our style sheet: a content security policy may forbid inline ones.
  for (const style of picture.querySelectorAll('style')) style.remove()
  return picture
}

function map(points: readonly Point[], { width, isUnitedStates }: AirportsOptions): PlotOptions {
  return {
    height: Math.round(width * (isUnitedStates ? 0.6 : 0.5)),
    margin: 4,
    projection: isUnitedStates
      ? 'albers-usa'
      : { type: 'equirectangular', domain: { type: 'MultiPoint', coordinates: [...points] } },
  }
}

function axes(points: readonly Point[], { width }: AirportsOptions): PlotOptions {
  const longitudes = points.map(([longitude]) => longitude)
  const latitudes = points.map(([, latitude]) => latitude)
  return {
    height: Math.min(360, Math.round(width * 0.5)),
    marginLeft: 48,
    marginBottom: 40,
    grid: true,
    x: { label: 'Longitude', domain: withRoom(longitudes), nice: true },
    y: { label: 'Latitude', domain: withRoom(latitudes), nice: true },
  }
}

/** One degree more to both sides: a single airport has no extent. */
function withRoom(values: readonly number[]): [number, number] {
  return [Math.min(...values) - 1, Math.max(...values) + 1]
}
