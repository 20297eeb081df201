import type { Json } from 'durably'
import { useMemo, useState, type ReactNode } from 'react'
import { JsonView as JsonTree, type Props as TreeProps } from 'react-json-view-lite'
import { Icon } from '../parts/icons'
import { useCopied } from '../parts/use-copied'
import { WORDS } from '../words'
import { shortened, summarizeJson } from './shorten-json'

const SAID = WORDS.json
const STYLE: NonNullable<TreeProps['style']> = {
  container: 'json-tree',
  basicChildStyle: 'json-child',
  label: 'json-label',
  clickableLabel: 'json-label json-clickable',
  nullValue: 'json-null',
  undefinedValue: 'json-null',
  numberValue: 'json-number',
  stringValue: 'json-string',
  booleanValue: 'json-boolean',
  otherValue: 'json-string',
  punctuation: 'json-punctuation',
  expandIcon: 'json-expand',
  collapseIcon: 'json-collapse',
  collapsedContent: 'json-collapsed',
  childFieldsContainer: 'json-children',
  quotesForFieldNames: false,
  ariaLables: { collapseJson: SAID.collapse, expandJson: SAID.expand },
}
const MOST_OPEN = 20

/** Drawn only when unfolded: values may be large. */
interface JsonViewProps {
  title: string
  value: Json
  isOpenAtFirst?: boolean
}

export function JsonView({ title, value, isOpenAtFirst = false }: JsonViewProps): ReactNode {
  const [isOpen, setIsOpen] = useState(isOpenAtFirst)
  return (
    <details
      className="part json"
      open={isOpen}
      onToggle={({ currentTarget }) => setIsOpen(currentTarget.open)}
    >
      <summary>
        <span className="part-title">{title}</span>
        <span className="json-summary">{summarizeJson(value)}</span>
      </summary>
      {isOpen && <JsonBody title={title} value={value} />}
    </details>
  )
}

function JsonBody({ title, value }: { title: string; value: Json }): ReactNode {
  const shown = useMemo(() => shortened(value), [value])
  const [isCopied, copy] = useCopied(() => JSON.stringify(value, null, 2))
  return (
    <div className="json-body">
      <button type="button" className="button button-quiet" aria-label={SAID.copy(title)} onClick={copy}>
        <Icon name={isCopied ? 'check' : 'copy'} />
        {isCopied ? SAID.copied : SAID.copyWord}
      </button>
      {typeof shown === 'object' && shown !== null ? (
        <JsonTree data={shown} style={STYLE} shouldExpandNode={isUnfolded} aria-label={title} />
      ) : (
        <pre tabIndex={0}>{JSON.stringify(shown)}</pre>
      )}
    </div>
  )
}

function isUnfolded(level: number, value: unknown): boolean {
  const size = typeof value === 'object' && value !== null ? Object.keys(value).length : 0
  return level === 0 || (level < 3 && size <= MOST_OPEN)
}
