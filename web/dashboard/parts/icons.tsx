import type { ReactNode } from 'react'

const PATHS = {
  cancel: 'M5 5l6 6M11 5l-6 6',
  again: 'M12.5 8a4.5 4.5 0 1 1-1.4-3.3M12.5 2.5v2.7H9.8',
  delete: 'M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5',
  check: 'M4 8.5l2.7 2.7L12 5.5',
  up: 'M4 9.5L8 5.5l4 4',
  down: 'M4 6.5l4 4 4-4',
  plus: 'M8 3.5v9M3.5 8h9',
  copy: 'M6 6h6.5v6.5H6zM3.5 10V3.5H10',
  file: 'M4.5 2.5h4.7l2.8 2.8v8.2H4.5zM9 2.5v3h3',
  bang: 'M8 4v4.5M8 11.4v.1',
  database:
    'M3.5 4.5c0-1.1 2-2 4.5-2s4.5.9 4.5 2-2 2-4.5 2-4.5-.9-4.5-2M3.5 4.5v7c0 1.1 2 2 4.5 2s4.5-.9 4.5-2v-7M3.5 8c0 1.1 2 2 4.5 2s4.5-.9 4.5-2',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 1 1 0-9M10.3 10.3l3.2 3.2',
  play: 'M5 3.5l7 4.5-7 4.5z',
  back: 'M9.5 4L5.5 8l4 4',
  clock: 'M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11M8 5v3.2l2 1.3',
  offline: 'M2.5 6.5a8 8 0 0 1 11 0M4.8 9a4.6 4.6 0 0 1 6.4 0M8 12v.1M3 13L13 3',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name }: { name: IconName }): ReactNode {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  )
}
