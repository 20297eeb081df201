import type { Json } from 'durably'
import { formatNumber } from '../format'
import { WORDS } from '../words'

const SAID = WORDS.json

const LONGEST_STRING = 500
const LONGEST_ARRAY = 100

/** The value for reading: of long strings and lists the beginning, and how much more there is. */
export function shortened(value: Json): Json {
  if (typeof value === 'string') return shortenedString(value)
  if (Array.isArray(value)) {
    const items = value.slice(0, LONGEST_ARRAY).map(shortened)
    return value.length > LONGEST_ARRAY
      ? [...items, SAID.more(formatNumber(value.length - LONGEST_ARRAY))]
      : items
  }
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shortened(item)]))
}

/** What the value is about, in a few words. */
export function summarizeJson(value: Json): string {
  if (Array.isArray(value)) return SAID.items(value.length, formatNumber(value.length))
  if (typeof value !== 'object' || value === null) return JSON.stringify(value).slice(0, 60)
  return Object.entries(value)
    .slice(0, 20)
    .map(([key, item]) => `${key}: ${summarizeItem(item)}`)
    .join(', ')
}

function summarizeItem(item: Json): string {
  if (Array.isArray(item)) return SAID.items(item.length, formatNumber(item.length))
  if (typeof item === 'object' && item !== null) return typeof item.name === 'string' ? item.name : '{…}'
  const text = String(item)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

function shortenedString(text: string): string {
  if (text.length <= LONGEST_STRING) return text
  return SAID.cut(text.slice(0, LONGEST_STRING), formatNumber(text.length))
}
