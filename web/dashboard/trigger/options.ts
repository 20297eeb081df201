import type { TriggerOptions } from 'durably'
import { WORDS } from '../words'

/** As they are typed. */
export interface OptionDraft {
  /** `tenant:acme, plan:pro` */
  labels: string
  idempotencyKey: string
  concurrencyKey: string
  coalesce: '' | 'skip' | 'queue'
}

export const NO_OPTIONS: OptionDraft = { labels: '', idempotencyKey: '', concurrencyKey: '', coalesce: '' }

/** Throws a sentence for labels that can't be told apart. */
export function optionsOf(draft: OptionDraft): TriggerOptions {
  const { labels, fault } = labelsOf(draft.labels)
  if (fault !== null) throw new Error(fault)
  const concurrencyKey = draft.concurrencyKey.trim()
  const idempotencyKey = draft.idempotencyKey.trim()
  return {
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(idempotencyKey !== '' && { idempotencyKey }),
    ...(concurrencyKey !== '' && { concurrencyKey }),
    ...(concurrencyKey !== '' && draft.coalesce !== '' && { coalesce: draft.coalesce }),
  }
}

interface TypedLabels {
  labels: Record<string, string>
  fault: string | null
}

/** Each is a key, a colon or an equals sign, and a value; commas stand between them. */
export function labelsOf(text: string): TypedLabels {
  const labels: Record<string, string> = {}
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue
    const at = part.search(/[:=]/)
    if (at < 1) return { labels, fault: WORDS.options.noLabel(part) }
    labels[part.slice(0, at).trim()] = part.slice(at + 1).trim()
  }
  return { labels, fault: null }
}
