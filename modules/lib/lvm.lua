-- lvm: what lvg and lvol share: LVM's programs, and the tables they print.

local util = use("util")

local lvm = {}

-- Runs a program of LVM; it may fail, and says so on standard error.
function lvm.call(c, argv)
  return util.run(c, { c:need(argv[1]), table.unpack(argv, 2) }, { may_fail = true })
end

-- Runs one that must not fail.
function lvm.must(c, argv, message)
  local r = lvm.call(c, argv)
  if r.rc ~= 0 then
    local said = util.said(r.stderr:match("%S") and r.stderr or r.stdout)
    c:fail(message .. ": " .. (said ~= "" and said or "status " .. r.rc), { rc = r.rc, err = r.stderr, cmd = r.cmd })
  end
  return r
end

-- The rows of a report without a heading, each with so many columns.
function lvm.rows(c, text, columns, what)
  local out = {}
  for _, line in ipairs(util.lines(text)) do
    if line:match("%S") then
      local row = util.split(util.trim(line), ";")
      if #row ~= columns then
        c:fail(what .. " did not print " .. columns .. " columns between semicolons, but: " .. util.said(line))
      end
      out[#out + 1] = row
    end
  end
  return out
end

function lvm.number(c, text, what)
  local value = tonumber(text:match("^%d+%.?%d*$") or "")
  if not value then
    c:fail(what .. " printed '" .. util.said(text) .. "' where a number is expected")
  end
  return value
end

-- Names go to LVM's programs among their options.
function lvm.check_name(c, arg)
  local name = c.args[arg]
  if name and (name == "" or name:match("^%-") or name:match("[^%w+_.%-/]")) then
    c:fail(arg .. ": '" .. name .. "' is no name for LVM: letters, digits and + _ . -, the first one no -")
  end
end

return lvm
