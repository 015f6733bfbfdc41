-- tar: the header of an archive's entry, written and read: one file into a container, or out of it.

local tar = {}

local function octal(value, width)
  return ("%0" .. width - 1 .. "o\0"):format(value)
end

-- The header (512 bytes) of a file, or of a link when there is a `target`; nil and a reason for what does not fit.
function tar.header(entry)
  local link = entry.target or ""
  if #entry.name > 100 or #link > 100 then
    return nil, "a name of more than 100 bytes does not fit into the archive"
  elseif entry.uid > 2097151 or entry.gid > 2097151 or entry.size > 8589934591 then
    return nil, "an owner above 2097151 or a size of 8 GiB does not fit into the archive"
  end
  local head = entry.name .. ("\0"):rep(100 - #entry.name) .. octal(entry.mode, 8) .. octal(entry.uid, 8) .. octal(entry.gid, 8)
    .. octal(entry.target and 0 or entry.size, 12) .. octal(entry.mtime, 12)
  local tail = (entry.target and "2" or "0") .. link .. ("\0"):rep(100 - #link) .. "ustar\00000"
  local sum = 8 * 32
  for part in (head .. tail):gmatch("[^%z]") do
    sum = sum + part:byte()
  end
  local all = head .. ("%06o\0 "):format(sum) .. tail
  return all .. ("\0"):rep(512 - #all)
end

-- What has to follow a content of that size, with the end of the archive.
function tar.padding(size)
  return ("\0"):rep(-size % 512 + 1024)
end

local function number(field)
  local first = field:byte(1)
  if first and first >= 128 then
    local value = first & 127
    for i = 2, #field do
      value = value << 8 | field:byte(i)
    end
    return value
  end
  return tonumber(field:match("[0-7]+") or "0", 8)
end

-- The first entry that is a file, link, ... : type, mode, uid, gid, size, target, and where its content begins (from 0).
-- nil when the text ends before it.
function tar.first(text)
  local at = 0
  while #text >= at + 512 do
    local h = text:sub(at + 1, at + 512)
    local kind, size = h:sub(157, 157), number(h:sub(125, 136))
    if kind ~= "x" and kind ~= "g" and kind ~= "L" and kind ~= "K" then
      return {
        type = (kind == "0" or kind == "\0") and "file" or kind == "2" and "link" or "other", mode = number(h:sub(101, 108)) & 4095,
        uid = number(h:sub(109, 116)), gid = number(h:sub(117, 124)), size = size, target = h:sub(158, 257):match("^[^%z]*"), at = at + 512,
      }
    end
    at = at + 512 + (size + 511) // 512 * 512
  end
  return nil
end

return tar
