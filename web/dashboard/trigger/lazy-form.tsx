import { lazily } from '../parts/lazily'
import type { SchemaFormProps } from './schema-form'

/** The form library is large. */
export const LazyForm = lazily<SchemaFormProps>(
  'form',
  async () => (await import('./schema-form')).SchemaForm,
)
