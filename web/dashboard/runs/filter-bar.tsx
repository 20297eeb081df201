import type { RunStatus } from 'durably'
import { useId, useState, type ReactNode, type SyntheticEvent } from 'react'
import { useLocation } from 'wouter'
import { NO_FILTERS, runAddress, runsAddress, STATUSES, type RunFilters } from '../addresses'
import { useExtras } from '../extras'
import { formatNumber } from '../format'
import { Icon } from '../parts/icons'
import { WORDS } from '../words'
import { suggestions, understand, type Known } from './search'
import type { RunCounts } from './use-run-counts'

const SAID = WORDS.runs

interface FilterBarProps {
  filters: RunFilters
  known: Known
  counts: RunCounts | null
  /** Stays chosen while the list changes. */
  runId: string | null
}

/** Which runs are listed. All of it is in the address. */
export function FilterBar({ filters, known, counts, runId }: FilterBarProps): ReactNode {
  const [, navigate] = useLocation()
  const apply = (changed: Partial<RunFilters>): void => {
    const next = { ...filters, ...changed }
    navigate(runId === null ? runsAddress(next) : runAddress(runId, next), { replace: true })
  }
  return (
    <div className="filters">
      <SearchField filters={filters} known={known} onFilters={apply} />
      <JobChoice filters={filters} known={known} onFilters={apply} />
      <div className="filter-chips">
        <div className="status-filters" role="group" aria-label={SAID.byStatus}>
          {STATUSES.map((status) => (
            <StatusFilter
              key={status}
              status={status}
              count={counts?.[status] ?? null}
              isChosen={filters.statuses.includes(status)}
              onToggle={() => apply({ statuses: toggled(filters.statuses, status) })}
            />
          ))}
        </div>
        <ActiveFilters filters={filters} onFilters={apply} />
      </div>
    </div>
  )
}

interface PartProps {
  filters: RunFilters
  onFilters: (changed: Partial<RunFilters>) => void
}

function SearchField({ filters, known, onFilters }: PartProps & { known: Known }): ReactNode {
  const [, navigate] = useLocation()
  const [text, setText] = useState('')
  const [isUnclear, setIsUnclear] = useState(false)
  const id = useId()
  const search = (event: SyntheticEvent): void => {
    event.preventDefault()
    const found = understand(text, known)
    setIsUnclear(found.kind === 'unclear' && text.trim() !== '')
    if (found.kind === 'unclear') return
    setText('')
    if (found.kind === 'run') navigate(runAddress(found.runId, filters))
    else onFilters({ ...found.filters, labels: { ...filters.labels, ...found.filters.labels } })
  }
  return (
    <form className="search" role="search" onSubmit={search}>
      <Icon name="search" />
      <input
        type="search"
        className="input"
        aria-label={SAID.search}
        placeholder={SAID.searchHint}
        aria-describedby={`${id}-refusal`}
        aria-invalid={isUnclear}
        list={`${id}-known`}
        value={text}
        enterKeyHint="search"
        autoComplete="off"
        spellCheck={false}
        onChange={({ target }) => {
          setText(target.value)
          setIsUnclear(false)
        }}
      />
      <datalist id={`${id}-known`}>
        {suggestions(known).map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      <p className="errors" id={`${id}-refusal`} role="alert">
        {isUnclear && SAID.unclear(text)}
      </p>
    </form>
  )
}

/** Of several jobs, as a search may find them, each is named. */
function JobChoice({ filters: { jobNames }, known, onFilters }: PartProps & { known: Known }): ReactNode {
  const { jobName } = useExtras()
  if (jobName !== null) return null
  const names = [...new Set([...known.jobNames, ...jobNames])].sort()
  const several = jobNames.length > 1 ? jobNames.join(', ') : null
  return (
    <select
      className="input job-filter"
      aria-label={SAID.job}
      value={several ?? jobNames[0] ?? ''}
      onChange={({ target }) => onFilters({ jobNames: target.value === '' ? [] : [target.value] })}
    >
      <option value="">{SAID.allJobs}</option>
      {several !== null && <option>{several}</option>}
      {names.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  )
}

interface StatusFilterProps {
  status: RunStatus
  count: number | null
  isChosen: boolean
  onToggle: () => void
}

function StatusFilter({ status, count, isChosen, onToggle }: StatusFilterProps): ReactNode {
  return (
    <button
      type="button"
      className="status-filter"
      data-status={status}
      aria-pressed={isChosen}
      onClick={onToggle}
    >
      {WORDS.status[status]}
      {count !== null && <span className="number">{formatNumber(count)}</span>}
    </button>
  )
}

function ActiveFilters({ filters, onFilters }: PartProps): ReactNode {
  const { labels, jobNames, statuses } = filters
  const without = (key: string): Record<string, string> =>
    Object.fromEntries(Object.entries(labels).filter(([other]) => other !== key))
  const count = Object.keys(labels).length + jobNames.length + statuses.length
  if (count === 0) return null
  return (
    <div className="active-filters">
      {Object.entries(labels).map(([key, value]) => (
        <button
          key={key}
          type="button"
          className="label-chip"
          aria-label={SAID.withoutLabel(key, value)}
          onClick={() => onFilters({ labels: without(key) })}
        >
          {/* With the space, what is seen is a part of what is read out. */}
          <span>{key}</span> {value}
          <Icon name="cancel" />
        </button>
      ))}
      <button type="button" className="button clear-filters" onClick={() => onFilters(NO_FILTERS)}>
        <Icon name="cancel" />
        {SAID.clearFilters}
      </button>
    </div>
  )
}

function toggled(statuses: readonly RunStatus[], status: RunStatus): readonly RunStatus[] {
  return STATUSES.filter((each) => statuses.includes(each) !== (each === status))
}
