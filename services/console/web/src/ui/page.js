// Parts that every page has.
import { t } from '../lib/i18n.js';
import { Fragment, h, useEffect } from './preact.js';
import { Icon } from './icon.js';

export function Page({ title, sub, actions, children, fill }) {
  useEffect(() => {
    document.title = `${title} · zapkeep`;
  }, [title]);
  return <div class={`page ${fill ? 'fill' : ''}`}>
    <header class="page-head">
      <div><h1>{title}</h1>{sub && <p class="sub">{sub}</p>}</div>
      {actions && <div class="actions">{actions}</div>}
    </header>
    {children}
  </div>;
}

// An empty list names the next step.
export const Empty = ({ title, text, children }) =>
  <div class="empty"><p class="empty-title">{title}</p>{text && <p>{text}</p>}{children}</div>;

export const Problem = ({ error, reload }) =>
  <div class="notice t-bad" role="alert"><Icon name="bad" /><div>{error.message}{error.own && <p class="faint">{error.own}</p>}</div>
    {reload && <button onClick={reload}>{t('action.try_again')}</button>}</div>;

export const Loading = () => <div class="loading" role="status">{t('page.loading')}</div>;

// The data of a resource, or why it is not there.
export function Loaded({ resource, children }) {
  if (resource.error && !resource.data) return <Problem error={resource.error} reload={resource.reload} />;
  if (!resource.data) return <Loading />;
  return <>{resource.error && <Problem error={resource.error} reload={resource.reload} />}{children(resource.data)}</>;
}

export const Panel = ({ title, actions, children, kind = '' }) =>
  <section class={`panel ${kind}`}>
    {title && <header><h2>{title}</h2>{actions && <div class="actions">{actions}</div>}</header>}
    {children}
  </section>;

// Whether the list below is live or held while somebody reads. Always there and of one height: a list that moved when it is
// held would slip from under the pointer.
export const LiveLine = ({ reason, n = 0, onResume }) =>
  <div class={`live ${reason ? 'held' : ''}`} role="status"><Icon name={reason ? 'pause' : 'ok'} /><span>{reason || t('held.live')}{reason && n > 0 ? ` ${t('held.waiting', { n })}` : ''}</span>
    {reason && <button class="small" onClick={onResume}>{t('held.resume')}</button>}</div>;

export const Bar = ({ children, label }) => <div class="filters" role="search" aria-label={label}>{children}</div>;

export function Search({ value, onInput, label }) {
  return <label class="search"><Icon name="search" />
    <input type="search" data-search placeholder={label} aria-label={label} value={value} onInput={(e) => onInput(e.target.value)} />
    <kbd aria-hidden="true">/</kbd></label>;
}

export const Select = ({ value, options, onChange, label }) =>
  <label class="select"><span class="hidden">{label}</span>
    <select value={value} aria-label={label} onChange={(e) => onChange(e.target.value)}>
      {options.map(([v, text]) => <option value={v} selected={v === value}>{text}</option>)}
    </select></label>;

export const Fact = ({ label, children }) => <div class="fact"><dt>{label}</dt><dd>{children}</dd></div>;
