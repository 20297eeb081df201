import { useMemo, useState, type ReactNode } from 'react'
import type { Json } from '../../src'
import { Icon } from '../shell/icons'
import { printJson, summarizeJson } from './print-json'

/** Folded at first, and printed only when unfolded: values may be large. */
export function JsonView({ title, value }: { title: string; value: Json }): ReactNode {
  const [isOpen, setIsOpen] = useState(false)
  return (
    <details className="part json" onToggle={({ currentTarget }) => setIsOpen(currentTarget.open)}>
      <summary>
        <span className="part-title">{title}</span>
        <span className="json-summary">{summarizeJson(value)}</span>
      </summary>
      {isOpen && <JsonText title={title} value={value} />}
    </details>
  )
}

function JsonText({ title, value }: { title: string; value: Json }): ReactNode {
  const text = useMemo(() => printJson(value), [value])
  const [isCopied, setIsCopied] = useState(false)
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(JSON.stringify(value, null, 2))
    setIsCopied(true)
  }
  return (
    <div className="json-body">
      <button
        type="button"
        className="button button-quiet"
        aria-label={`Copy ${title.toLowerCase()}`}
        onClick={() => void copy()}
      >
        <Icon name={isCopied ? 'check' : 'copy'} />
        {isCopied ? 'Copied' : 'Copy'}
      </button>
      <pre tabIndex={0}>{text}</pre>
    </div>
  )
}
