import { lazily } from '../parts/lazily'
import type { DrawnChartProps } from './drawn-chart'

export type { Draw } from './drawn-chart'

/** The library that draws is large, and only the overview needs it. */
export const Chart = lazily<DrawnChartProps>(
  'chart',
  async () => (await import('./drawn-chart')).DrawnChart,
  <div className="chart" />,
)
