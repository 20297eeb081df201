import { useState, type ReactNode } from 'react'
import { formatNumber } from '../../../dashboard/format'
import type { StateCount } from './output'

type Column = 'state' | 'airports'
interface Order {
  column: Column
  isDescending: boolean
}

const COMPARE: Record<Column, (a: StateCount, b: StateCount) => number> = {
  state: (a, b) => a.state.localeCompare(b.state, 'en'),
  airports: (a, b) => a.airports - b.airports,
}

export function StatesTable({ states }: { states: readonly StateCount[] }): ReactNode {
  const [order, setOrder] = useState<Order>({ column: 'airports', isDescending: true })
  const sign = order.isDescending ? -1 : 1
  const sorted = [...states].sort((a, b) => sign * COMPARE[order.column](a, b))
  const most = Math.max(1, ...states.map(({ airports }) => airports))
  const header = (column: Column, words: string): ReactNode => {
    const isSorted = order.column === column
    const direction = order.isDescending ? 'descending' : 'ascending'
    return (
      <th scope="col" aria-sort={isSorted ? direction : 'none'}>
        <button
          type="button"
          onClick={() =>
            setOrder({ column, isDescending: isSorted ? !order.isDescending : column === 'airports' })
          }
        >
          {words} <span aria-hidden="true">{isSorted ? (order.isDescending ? '↓' : '↑') : ''}</span>
        </button>
      </th>
    )
  }
  return (
    <div className="table-frame" tabIndex={0} role="region" aria-label="Airports by state">
      <table className="table states">
        <thead>
          <tr>
            {header('state', 'State')}
            {header('airports', 'Airports')}
            <td />
          </tr>
        </thead>
        <tbody>
          {sorted.map(({ state, airports }) => (
            <tr key={state}>
              <th scope="row">{state}</th>
              <td className="number">{formatNumber(airports)}</td>
              <td className="bar-cell" aria-hidden="true">
                <span className="bar" style={{ inlineSize: `${(100 * airports) / most}%` }} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
