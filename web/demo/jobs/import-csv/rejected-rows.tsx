import type { ReactNode } from 'react'
import { formatNumber, plural } from '../../../dashboard/format'
import type { RejectedRow } from './output'

interface RejectedRowsProps {
  rows: readonly RejectedRow[]
  count: number
}

export function RejectedRows({ rows, count }: RejectedRowsProps): ReactNode {
  const isCut = rows.length < count
  return (
    <section className="rejected" aria-labelledby="rejected-title">
      <h4 id="rejected-title">
        {plural(count, 'row')} rejected{isCut && `, the first ${formatNumber(rows.length)} are shown`}
      </h4>
      <div className="table-frame" tabIndex={0} role="region" aria-labelledby="rejected-title">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Line</th>
              <th scope="col">Reason</th>
              <th scope="col">Row</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((rejected) => (
              <tr key={rejected.line}>
                <td className="number">{formatNumber(rejected.line)}</td>
                <td>{rejected.reason}</td>
                <td>
                  <code>{rejected.row}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
