import type { ClientRun } from 'durably'
import type { ReactNode } from 'react'
import { durationOf, formatTime } from '../format'
import { ProgressBar } from '../progress-bar'
import { RunLink } from '../run-link'
import { StatusChip } from '../status-chip'

interface RunRowProps {
  run: ClientRun
  isSelected: boolean
  now: number
}

export function RunRow({ run, isSelected, now }: RunRowProps): ReactNode {
  return (
    <tr data-selected={isSelected}>
      <th scope="row">
        <RunLink run={run} />
      </th>
      <td>
        <StatusChip status={run.status} />
      </td>
      <td>{run.progress !== null && <ProgressBar run={run} />}</td>
      <td className="number">{durationOf(run, now) ?? '–'}</td>
      <td className="number">
        <time dateTime={run.createdAt}>{formatTime(run.createdAt, now)}</time>
      </td>
    </tr>
  )
}
