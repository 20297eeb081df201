import type { ReactNode } from 'react'
import { Link } from 'wouter'
import { NO_FILTERS, runsAddress } from '../addresses'
import { WORDS } from '../words'

/** The labels of a run; each leads to the runs that have it. */
export function LabelChips({ labels }: { labels: Record<string, string> }): ReactNode {
  return Object.entries(labels).map(([key, value]) => (
    <Link
      key={key}
      className="label-chip"
      href={runsAddress({ ...NO_FILTERS, labels: { [key]: value } })}
      title={WORDS.runs.withLabel(key, value)}
    >
      <span>{key}</span>
      {value}
    </Link>
  ))
}
